//! Objects and catalog: S3, local directory and memory behind one interface; Glue and local catalog.
