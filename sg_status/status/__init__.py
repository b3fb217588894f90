"""What the public status page is drawn with: words, bars, badge, feed and the choice of its language."""
