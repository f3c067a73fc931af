"""Bounds on what a document may cost. They make opening an untrusted spec safe.

Each is far above what a real model needs; going over one is a diagnostic, never a crash.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEFAULT_LIMITS", "Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a document, its expansion and its expressions may be.

    Attributes:
        max_bytes: size of one file.
        max_depth: nesting of mappings and sequences, aliases followed.
        max_nodes: nodes of one document as written.
        max_alias_nodes: nodes that aliases add to one document by being followed.
        max_number_length: characters of one number.
        include_depth: length of a chain of includes.
        max_includes: documents that one document includes, directly or not; one included twice counts twice.
        max_expanded_nodes: layers after blocks and repeats are expanded.
        max_expansion_steps: items and turns of repeats that expansion looks at, whether or not a layer comes of them.
        max_expansion_depth: blocks, repeats, residuals and branches inside each other.
        max_id_length: characters of an expanded layer's id.
        max_elements: elements of one tensor, and so each of its sizes; more cannot be counted in 64 bits.
        max_findings: findings in one document, after which it is not looked at further.
        max_repeat: turns of one repeat.
        max_expression_length: characters of one expression.
        max_expression_depth: nesting of one expression.
        max_int_bits: bits of an integer in an expression, its sign included.
        max_string_length: characters of a string that an expression makes.
        max_list_length: items of a list that an expression makes.
        max_archive_entries: files in a model archive.
        max_config_bytes: size of the config in a model file, unpacked.
        max_config_ratio: how much larger than packed the config of an archive may be.
    """

    max_bytes: int = 16 * 1024 * 1024
    max_depth: int = 100
    max_nodes: int = 1_000_000
    max_alias_nodes: int = 100_000
    max_number_length: int = 400
    include_depth: int = 16
    max_includes: int = 256
    max_expanded_nodes: int = 120_000
    max_expansion_steps: int = 300_000
    max_expansion_depth: int = 64
    max_id_length: int = 2000
    max_elements: int = 2**63 - 1
    max_findings: int = 1000
    max_repeat: int = 10_000
    max_expression_length: int = 1000
    max_expression_depth: int = 50
    max_int_bits: int = 64
    max_string_length: int = 10_000
    max_list_length: int = 10_000
    max_archive_entries: int = 100_000
    max_config_bytes: int = 64 * 1024 * 1024
    max_config_ratio: int = 400


DEFAULT_LIMITS = Limits()
