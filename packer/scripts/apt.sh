# Sourced by the scripts that install packages. Nothing here depends on the target.

export DEBIAN_FRONTEND=noninteractive

# unsafe-io: an instance that dies in a bake is thrown away, so nothing needs to reach the disk before the image is made.
apt_get() {
    apt-get -qq -y -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-unsafe-io \
        -o Dpkg::Options::=--force-confold --no-install-recommends "$@"
}

apt_update() {
    apt-get -qq -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 update
}

apt_install() {
    apt_get install "$@" >/dev/null
}
