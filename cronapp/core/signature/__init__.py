"""A function's signature as JSON Schema, as form fields, and as the check that turns JSON into its arguments."""

from cronapp.core.hidden import MASK
from cronapp.core.signature.fields import FormField
from cronapp.core.signature.signature import Signature
from cronapp.core.signature.typed import Typed

__all__ = ["MASK", "FormField", "Signature", "Typed"]
