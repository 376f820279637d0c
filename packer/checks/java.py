"""The Java that the settings ask for is the one that `java` runs, and git is there."""

import re

from report import BAKE, check, end, output

status, text = output("java", "-version")
found = re.search(r'version "(\d+)', text)
asked = str(BAKE["java"])
check(f"java {asked}", "" if status == 0 and found and found[1] == asked else f"java -version says: {text[:200]}")
status, text = output("git", "--version")
check("git", text if status else "")
end()
