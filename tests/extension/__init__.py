"""The browser extension: its JavaScript by Node, the whole of it in a real Chromium."""
