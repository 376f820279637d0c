# The controller layer: the user Jenkins runs as, what it configures itself with at boot, Jenkins itself if there is one.

. scripts/apt.sh

# The same number in every image: JENKINS_HOME lies on a volume that outlives them.
getent group jenkins >/dev/null || groupadd --system --gid 800 jenkins
getent passwd jenkins >/dev/null ||
    useradd --system --uid 800 --gid jenkins --home-dir /var/lib/jenkins --no-create-home --shell /usr/sbin/nologin jenkins
install -d -o jenkins -g jenkins -m 0750 /var/lib/jenkins

tar -xf runtime.tar.gz -C / --no-same-owner --no-overwrite-dir
tar -xf payload.tar -C / --no-same-owner --no-overwrite-dir
tar -xf seed.tar -C / --no-same-owner --no-overwrite-dir

if [ -e jenkins.war ]; then
    install -D -m 0644 jenkins.war /usr/share/java/jenkins.war
elif [ -n "${BAKE_JENKINS_REPOSITORY:-}" ]; then
    install -d /etc/apt/keyrings
    curl --fail --silent --show-error --location --retry 3 -o /etc/apt/keyrings/jenkins.asc "$BAKE_JENKINS_KEY"
    echo "deb [signed-by=/etc/apt/keyrings/jenkins.asc] $BAKE_JENKINS_REPOSITORY binary/" >/etc/apt/sources.list.d/jenkins.list
    apt_update
    # Its service must not start here: a first start writes an identity and a master key.
    ln -sf /dev/null /etc/systemd/system/jenkins.service
    apt_install "jenkins=$BAKE_JENKINS_VERSION"
    rm -f /etc/systemd/system/jenkins.service
    if command -v systemctl >/dev/null; then systemctl disable jenkins.service >/dev/null 2>&1 || true; fi
fi
