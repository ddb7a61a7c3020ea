"""The parts a place is made of: land, water, towns, harbours, airfields, tanks. Each draws into a Sketch."""
