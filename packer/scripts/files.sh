# The files that the settings put in the image.

tar -xf files.tar -C / --no-same-owner --no-overwrite-dir
