"""Layout, navigation, home page and static assets."""
