"""Pure values and rules: no I/O, no clock, no Ray, no SQL, no Selenium."""
