"""The body: hormonal axis, binding, drugs, safety."""
