# The Java that the settings ask for (BAKE_JAVA, a feature release), from the distribution.

. scripts/apt.sh

# fontconfig and harfbuzz are only recommended by the package, but Jenkins ends at its start (AWTProblem) without them.
if ! apt_install "openjdk-$BAKE_JAVA-jre-headless" fontconfig libharfbuzz0b git; then
    echo "openjdk-$BAKE_JAVA-jre-headless could not be installed; this distribution has:" >&2
    apt-cache pkgnames openjdk- | grep -E '^openjdk-[0-9]+-jre-headless$' | sort >&2 || true
    exit 1
fi
