"""What is postponed and remembered for speed changes no answer of moto."""

import json
import subprocess
import sys

ASK = """
import json, sys
from contextlib import nullcontext
from jenkins_bootstrap.embedded.daemon import _prepare_environment
from jenkins_bootstrap.embedded.quick import quick_imports
_prepare_environment()
with quick_imports() if sys.argv[1] == "quick" else nullcontext():
    import moto.moto_server.werkzeug_app
    from moto.ec2.models import instance_types, instances, spot_requests
    from moto.core import responses
    from moto import backends
    from moto.ec2.responses import EC2Response
from moto.ec2 import ec2_backends
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
eu = ec2_backends["123456789012"]["eu-west-1"]
print(json.dumps({
    "by region": eu.describe_instance_type_offerings("region"),
    "by zone": eu.describe_instance_type_offerings("availability-zone", {"instance-type": ["m7i.large"]}),
    "nowhere": instance_types.INSTANCE_TYPE_OFFERINGS["region"].get("no-such-region", ["none"]),
    "prices": len(eu.describe_spot_price_history(["m7i.large"], {})),
    "regions": sorted(r.name for r in RegionsAndZonesBackend.regions),
    "services": list(backends.list_of_moto_modules()),
    "operations": responses.method_names_from_class(EC2Response),
    "read": sorted(instance_types.INSTANCE_TYPE_OFFERINGS["region"])[:3],
}))
"""


def test_moto_answers_the_same_and_reads_only_the_regions_that_are_asked_for():
    def ask(how):
        done = subprocess.run([sys.executable, "-c", ASK, how], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    quick, plain = ask("quick"), ask("plain")
    assert quick.pop("read") == ["eu-west-1"]
    assert len(plain.pop("read")) == 3
    assert quick == plain
    assert len(quick["by region"]) > 100 and quick["by zone"] and quick["prices"] and quick["nowhere"] == ["none"]
