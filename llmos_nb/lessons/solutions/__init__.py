"""One way to do each exercise; `lesson.solution` shows it, and the tests hold the checks to it."""
