"""What we run and where: services, environments, teams, placements, declared in `staycalm.yaml`.

A file is parsed as a whole (`located`, `parse`), compared with what is there (`plan`), and applied in one
transaction or not at all. What the file manages is read-only on the web; what the web manages the file
never touches. Domains above own further sections of the same file through `questions.FileSection`.
"""
