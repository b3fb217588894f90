"""Parts of the public status page: words, bars, badge, feed and the choice of its language."""
