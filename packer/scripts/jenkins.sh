# Jenkins as a package, when the settings name a Debian repository (BAKE_JENKINS_REPOSITORY, _KEY, _VERSION).

. scripts/apt.sh

if [ -z "${BAKE_JENKINS_REPOSITORY:-}" ]; then exit 0; fi
install -d /etc/apt/keyrings
curl --fail --silent --show-error --location --retry 3 -o /etc/apt/keyrings/jenkins.asc "$BAKE_JENKINS_KEY"
echo "deb [signed-by=/etc/apt/keyrings/jenkins.asc] $BAKE_JENKINS_REPOSITORY binary/" >/etc/apt/sources.list.d/jenkins.list
apt_get update
# Its service must not start here: a first start writes an identity and a master key.
ln -sf /dev/null /etc/systemd/system/jenkins.service
apt_get install "jenkins=$BAKE_JENKINS_VERSION" >/dev/null
rm -f /etc/systemd/system/jenkins.service
if command -v systemctl >/dev/null; then systemctl disable jenkins.service >/dev/null 2>&1 || true; fi
