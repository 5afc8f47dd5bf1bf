"""A function's signature as JSON Schema, as form fields, and as the check that turns JSON into its arguments."""

from cronapp.core.signature.forms import FormField
from cronapp.core.signature.signature import MASK, Signature

__all__ = ["MASK", "FormField", "Signature"]
