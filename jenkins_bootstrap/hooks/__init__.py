"""Which webhooks there should be on GitHub, and what deliveries tell. Pure: makes no call and knows no secret."""
