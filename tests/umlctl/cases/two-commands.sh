cd /srv/uml
linux mem=64M
