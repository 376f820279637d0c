# The base image: the distribution's, up to date, with what every layer needs and SSH by key only.

build {
  name    = "base"
  sources = ["source.amazon-ebs.base"]

  provisioner "file" {
    source      = var.upload
    destination = "/tmp"
  }

  provisioner "shell" {
    environment_vars = var.environment
    execute_command  = "sudo env {{ .Vars }} sh -eu {{ .Path }}"
    inline = [
      "cd /tmp/jenkins-bootstrap",
      "sh -eu scripts/base.sh",
      "sh -eu scripts/files.sh",
      "sh -eu scripts/clean.sh",
      "python3 -B checks/run.py checks/base.py checks/clean.py",
      "cd / && rm -rf /tmp/jenkins-bootstrap",
    ]
  }

  post-processor "manifest" {
    output      = var.manifest
    strip_path  = true
    custom_data = var.custom_data
  }
}
