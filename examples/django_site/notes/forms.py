"""What visitors may send, and what is said when they send something else."""

from __future__ import annotations

import hmac

from django import forms

# One visitor, for show. A real site uses django.contrib.auth, which needs a database.
NAME = "ada"
PASSWORD = "lovelace"


class ContactForm(forms.Form):
    name = forms.CharField(max_length=100, error_messages={"required": "Please say who you are."})
    email = forms.EmailField(error_messages={"invalid": "This is not an e-mail address."})
    message = forms.CharField(max_length=500, widget=forms.Textarea)


class UploadForm(forms.Form):
    file = forms.FileField()


class LoginForm(forms.Form):
    name = forms.CharField()
    password = forms.CharField(widget=forms.PasswordInput)

    def clean(self) -> dict[str, str]:
        given: dict[str, str] = super().clean()
        password = given.get("password", "")
        right = hmac.compare_digest(password.encode(), PASSWORD.encode())
        if given.get("name") != NAME or not right:
            raise forms.ValidationError("Name or password is wrong.")
        return given
