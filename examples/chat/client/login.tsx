import { useState, type FormEvent } from "react";
import { ApiError, logIn, wordsFor } from "./api.ts";
import { fieldOf } from "./field.ts";

export function Login({ onLogin }: { readonly onLogin: (name: string) => void }) {
  const [problem, setProblem] = useState<string | null>(null);

  const submit = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const name = fieldOf(form, "name");
    try {
      await logIn(name, fieldOf(form, "password"));
      onLogin(name);
    } catch (error) {
      const isRefused = error instanceof ApiError && error.status === 401;
      setProblem(isRefused ? "The name or the password is wrong." : wordsFor(error));
    }
  };

  return (
    <main className="login">
      <h1>Chats</h1>
      <form onSubmit={(event) => void submit(event)}>
        <label>
          Name <input name="name" autoComplete="username" required />
        </label>
        <label>
          Password <input name="password" type="password" autoComplete="current-password" required />
        </label>
        <button>Sign in</button>
        {problem !== null && <p role="alert">{problem}</p>}
      </form>
    </main>
  );
}
