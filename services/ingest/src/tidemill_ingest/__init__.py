"""REST front door of Tidemill: acknowledged means stored."""
