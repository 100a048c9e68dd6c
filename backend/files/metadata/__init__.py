"""What a picture file says about itself: XMP, IPTC, EXIF, places."""
