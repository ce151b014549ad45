"""The bench: what Caudal does, beside what the machine allows and what people would use instead."""
