/** What went wrong, and a way to try again. */
export function Problem({ words, retry }: { readonly words: string; readonly retry?: () => void }) {
  return (
    <p role="alert">
      {words}{" "}
      {retry !== undefined && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </p>
  );
}
