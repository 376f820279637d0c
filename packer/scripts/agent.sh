# The agent layer: the user that the controller signs in as. Its key comes from the instance's metadata at launch.

getent passwd "$BAKE_SSH_USER" >/dev/null || useradd --create-home --shell /bin/bash "$BAKE_SSH_USER"
install -d -o "$BAKE_SSH_USER" -g "$BAKE_SSH_USER" -m 0755 "$(getent passwd "$BAKE_SSH_USER" | cut -d: -f6)"
