# Sourced by the scripts that install packages. Nothing here depends on the target.

export DEBIAN_FRONTEND=noninteractive

# unsafe-io: an instance that dies in a bake is thrown away, so nothing needs to reach the disk before the image is made.
apt_get() {
    apt-get -qq -y -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 \
        -o Dpkg::Options::=--force-unsafe-io -o Dpkg::Options::=--force-confold --no-install-recommends "$@"
}

# Install packages. Where package lists are at hand they are tried first, as fetching them takes longer than some installs;
# lists that are too old only show when a download fails.
apt_install() {
    if ls /var/lib/apt/lists/*_Packages >/dev/null 2>&1 && apt_get install "$@" >/dev/null 2>&1; then return; fi
    apt_get update
    apt_get install "$@" >/dev/null
}
