"""The incident report, which is the post-mortem's draft (SOP §5.3), and the short root-cause analysis (§3.2)."""
