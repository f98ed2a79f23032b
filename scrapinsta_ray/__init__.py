"""ScrapInsta on Ray: public Instagram profiles collected, scored and handed to consent-minded outreach."""

__version__ = "0.1.0"
