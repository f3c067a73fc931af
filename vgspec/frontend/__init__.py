"""From a document to a graph: schema, parameters and expressions, expansion."""
