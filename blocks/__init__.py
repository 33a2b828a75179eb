"""What touches the world: EDGAR, prices, the model, the store. No block imports another."""
