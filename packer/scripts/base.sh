# The base layer: security updates of the day, a few packages, SSH by key only.

. scripts/apt.sh

# On real AWS cloud-init may still be installing what it was told to.
if command -v cloud-init >/dev/null; then cloud-init status --wait >/dev/null || true; fi

install -d /etc/dpkg/dpkg.cfg.d /etc/apt/apt.conf.d /etc/ssh/sshd_config.d
cat >/etc/dpkg/dpkg.cfg.d/10-jenkins-bootstrap <<'END'
# Servers that nobody logs in to: no manuals, no documentation but the licences.
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/perl/*.pod
path-exclude=/usr/share/gitweb/*
END
cat >/etc/apt/apt.conf.d/90jenkins-bootstrap <<'END'
APT::Install-Recommends "false";
Acquire::Languages "none";
END

# One transaction for the upgrade and what is to be there.
apt_get update
apt_get dist-upgrade ca-certificates curl git openssh-server procps python3 sudo >/dev/null

cat >/etc/ssh/sshd_config.d/10-jenkins-bootstrap.conf <<'END'
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
PermitEmptyPasswords no
X11Forwarding no
AllowAgentForwarding no
MaxAuthTries 4
LoginGraceTime 30
END
chmod 0644 /etc/ssh/sshd_config.d/10-jenkins-bootstrap.conf
