"""Tables: from text to columns, from columns to rows by role."""
