# Jenkins as a package, when the settings name a Debian repository (BAKE_JENKINS_REPOSITORY, _KEY, _VERSION).

. scripts/apt.sh

if [ -z "${BAKE_JENKINS_REPOSITORY:-}" ]; then exit 0; fi
install -d /etc/apt/keyrings
curl --fail --silent --show-error --location --retry 3 -o /etc/apt/keyrings/jenkins.asc "$BAKE_JENKINS_KEY"
echo "deb [signed-by=/etc/apt/keyrings/jenkins.asc] $BAKE_JENKINS_REPOSITORY binary/" >/etc/apt/sources.list.d/jenkins.list
apt_get update
# Nothing may start here: a first start writes an identity and a master key. The package's own unit, below /usr/lib, is
# overridden by ours in /etc for good; while the package is installed, both are masked.
unit=/etc/systemd/system/jenkins.service
if [ -f "$unit" ] && [ ! -L "$unit" ]; then mv "$unit" "$unit.ours"; fi
ln -sf /dev/null "$unit"
apt_get install "jenkins=$BAKE_JENKINS_VERSION" >/dev/null
rm -f "$unit"
if [ -f "$unit.ours" ]; then mv "$unit.ours" "$unit"; fi
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
