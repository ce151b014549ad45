"""The HTTP surface as a document: OpenAPI of the ingress and of the port for operators."""
