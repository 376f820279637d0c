# The controller layer: the user Jenkins runs as, what it configures itself with at boot, the war if there is one.
# Needs no package, so that a template can let it run beside one that installs some.

# The same number in every image: JENKINS_HOME lies on a volume that outlives them.
getent group jenkins >/dev/null || groupadd --system --gid 800 jenkins
getent passwd jenkins >/dev/null ||
    useradd --system --uid 800 --gid jenkins --home-dir /var/lib/jenkins --no-create-home --shell /usr/sbin/nologin jenkins
install -d -o jenkins -g jenkins -m 0750 /var/lib/jenkins

for tar in runtime.tar.gz payload.tar seed.tar; do
    tar -xf "$tar" -C / --no-same-owner --no-overwrite-dir
done
if [ -e jenkins.war ]; then install -D -m 0644 jenkins.war /usr/share/java/jenkins.war; fi
