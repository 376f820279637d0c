"""The agent layer: the user that the controller signs in as can log in and has a home."""

import pwd

from report import BAKE, check, end, file

name = BAKE["ssh_user"]
try:
    user = pwd.getpwnam(name)
    check(f"user {name} has a shell", "" if user.pw_shell.endswith("sh") else f"shell is {user.pw_shell}")
    file(user.pw_dir, f"{name}:{name}", "0755")
except KeyError:
    check(f"user {name}", "does not exist")
end()
