"""The HTTP side: plain FastAPI apps made by functions. No Ray, no Selenium."""
