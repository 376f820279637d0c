# Only for Packer versions whose builders are plugins; 1.6.6 refuses this block and has amazon-ebs built in.

packer {
  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = ">= 1.2.8"
    }
  }
}
