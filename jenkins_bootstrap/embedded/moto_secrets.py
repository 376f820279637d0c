"""When the versions of a secret were made: what replaces moto's ListSecretVersionIds, which says now of each.

Without it no overlap of an old webhook secret with a new one would ever end.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from jenkins_bootstrap.embedded.hooked import Hooks


def hook_list_versions(moto: Callable[..., str], _hooks: Hooks) -> Callable[..., str]:
    def list_secret_version_ids(self: Any, secret_id: str) -> str:
        answer = json.loads(moto(self, secret_id))
        versions = self.secrets[secret_id].versions
        for shown in answer["Versions"]:
            shown["CreatedDate"] = versions[shown["VersionId"]]["createdate"]
        return json.dumps(answer)

    return list_secret_version_ids
