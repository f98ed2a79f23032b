"""The web console: pages made by the server, readable without JavaScript."""
