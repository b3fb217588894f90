"""Files that stations hold on their own disks, as their manifests list them, and fetching these files."""
