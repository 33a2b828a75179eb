"""A stand-in sec.gov and a stand-in model endpoint over real HTTP on loopback."""
