# The Java that the settings ask for (BAKE_JAVA, a feature release), from the distribution.

. scripts/apt.sh

apt_update
if ! apt-cache show "openjdk-$BAKE_JAVA-jre-headless" >/dev/null 2>&1; then
    echo "this distribution has no openjdk-$BAKE_JAVA-jre-headless; it has:" >&2
    apt-cache pkgnames openjdk- | grep -E '^openjdk-[0-9]+-jre-headless$' | sort >&2 || true
    exit 1
fi
apt_install "openjdk-$BAKE_JAVA-jre-headless" fontconfig git
