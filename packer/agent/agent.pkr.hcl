# The agent image: the controller's Java, git and the user that the controller signs in as.

build {
  name    = "agent"
  sources = ["source.amazon-ebs.agent"]

  provisioner "file" {
    source      = var.upload
    destination = "/tmp"
  }

  provisioner "shell" {
    environment_vars = var.environment
    execute_command  = "sudo env {{ .Vars }} sh -eu {{ .Path }}"
    inline = [
      "cd /tmp/jenkins-bootstrap",
      "sh -eu scripts/java.sh",
      "sh -eu scripts/agent.sh",
      "sh -eu scripts/files.sh",
      "sh -eu scripts/clean.sh",
      "python3 -B checks/run.py checks/java.py checks/agent.py checks/clean.py",
      "cd / && rm -rf /tmp/jenkins-bootstrap",
    ]
  }

  post-processor "manifest" {
    output      = var.manifest
    strip_path  = true
    custom_data = var.custom_data
  }
}
