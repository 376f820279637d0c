# The controller image: Java, git, Jenkins when there is a war, and all that it configures itself with at boot.

build {
  name    = "controller"
  sources = ["source.amazon-ebs.controller"]

  provisioner "file" {
    source      = var.upload
    destination = "/tmp"
  }

  provisioner "shell" {
    environment_vars = var.environment
    execute_command  = "sudo env {{ .Vars }} sh -eu {{ .Path }}"
    inline = [
      "cd /tmp/jenkins-bootstrap",
      "sh -eu scripts/controller.sh & unpacking=$!",
      "sh -eu scripts/java.sh",
      "wait $unpacking",
      "sh -eu scripts/jenkins.sh",
      "sh -eu scripts/files.sh",
      "sh -eu scripts/clean.sh",
      "python3 -B checks/run.py checks/java.py checks/jenkins.py checks/controller.py checks/clean.py",
      "cd / && rm -rf /tmp/jenkins-bootstrap",
    ]
  }

  post-processor "manifest" {
    output      = var.manifest
    strip_path  = true
    custom_data = var.custom_data
  }
}
