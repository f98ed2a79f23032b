"""The browser side: one Chromium per account, what the site said, and what the pages hold. No Ray, no SQL."""
