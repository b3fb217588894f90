"""Files that stations hold on their own disks, by their manifests, and fetching them."""
