"""The use cases of a node, one file per noun, over the ports of `allied.node.ports`.

Rules live in the pure folders; here they are asked, and what they answer is stored and
sent. Nothing in this folder knows SQL, HTTP, a terminal or a page.
"""
