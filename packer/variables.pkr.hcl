# Values of one bake. jenkins-bootstrap writes them to a file in JSON; none of them is a secret.

variable "endpoint" {
  type        = string
  default     = env("AWS_ENDPOINT")
  description = "The EC2 endpoint of the embedded AWS; empty is real AWS."
}

variable "region" {
  type = string
}

variable "source_ami" {
  type        = string
  description = "The image to start from: the parent, or the distribution's."
}

variable "instance_type" {
  type = string
}

variable "root_device" {
  type    = string
  default = "/dev/xvda"
}

variable "volume_gib" {
  type    = number
  default = 10
}

variable "ssh_user" {
  type    = string
  default = "admin"
}

variable "ssh_port" {
  type    = number
  default = 22
}

variable "ssh_timeout" {
  type    = string
  default = "5m"
}

variable "subnet" {
  type        = string
  default     = ""
  description = "Empty is the default VPC's."
}

variable "security_groups" {
  type        = list(string)
  description = "Never empty: a group that Packer made itself would carry no tag to find it by after a crash."
}

variable "key_pair" {
  type        = string
  description = "Name of the temporary key pair; it names the run, so that a later one can remove it."
}

variable "run_tags" {
  type        = map(string)
  description = "Tags of the instance that bakes and of its volume."
}

variable "ami_name" {
  type = string
}

variable "ami_description" {
  type    = string
  default = ""
}

variable "tags" {
  type        = map(string)
  description = "Tags of the image and of its snapshots."
}

variable "upload" {
  type        = string
  description = "The folder that is uploaded; its name is jenkins-bootstrap."
}

variable "environment" {
  type        = list(string)
  default     = []
  description = "What the scripts are told, as NAME=value."
}

variable "manifest" {
  type        = string
  description = "Where the manifest post-processor writes."
}

variable "custom_data" {
  type    = map(string)
  default = {}
}
