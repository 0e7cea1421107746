//! The tables: one schema definition for Arrow, Glue and the data dictionary, and the views.
